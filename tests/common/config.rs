//! A folder with all that a configuration may name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use watchbell::config::{Config, Faults, load};

/// A secret that must never be seen; every secret file holds it.
pub(crate) const CANARY: &str = "c4n4ry-t0k3n";

/// A temporary folder: rules and templates, secrets, a CA with certificate and key.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().expect("there is room for a folder"));
        for name in ["rules", "templates"] {
            std::fs::create_dir(folder.path(name)).expect("the folder is new");
        }
        for name in ["icinga.password", "irc.password", "mail.password", "hook.token"] {
            folder.write(name, &format!("{CANARY}\n"), 0o600);
        }
        folder.write("hook.secret", "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n", 0o600);
        folder.write("hook.secret.old", &format!("the old {CANARY} of before\n"), 0o600);
        folder.write("dora.code", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n", 0o600);
        for name in ["alice.token", "deployer.token"] {
            folder.write(name, &format!("{CANARY}-of-{name}-of-24-letters\n"), 0o600);
        }
        folder.write("no-base64", &format!("whsec_{CANARY}!\n"), 0o600);
        folder.write("chat.url", &format!("https://hooks.example.org/{CANARY}\n"), 0o600);
        folder.write("pager.url", "https://pager.example.org/\n", 0o600);
        let ca = rcgen::generate_simple_self_signed(["watchbell".to_owned()]).expect("the name is right");
        folder.write("icinga-ca.crt", &ca.cert.pem(), 0o644);
        folder.write("client.key", &ca.signing_key.serialize_pem(), 0o600);
        folder
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file with its mode.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the folder can be written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("the file is ours");
    }

    /// Loads a text as the configuration of this folder.
    pub(crate) fn load(&self, text: &str) -> Result<Config, Faults> {
        self.write("watchbell.toml", text, 0o644);
        load(&self.path("watchbell.toml"))
    }

    /// What an admin sees of the faults, with `/etc/watchbell` for the folder.
    pub(crate) fn shown(&self, faults: &Faults) -> String {
        let folder: &Path = self.0.path();
        faults.to_string().replace(&folder.display().to_string(), "/etc/watchbell")
    }
}
