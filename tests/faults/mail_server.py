"""The mail server of the fault campaign: Debian's aiosmtpd, which prints the subject of
each letter that it has whole, one line each.

Arguments: the port, and a folder. While the folder holds a file `refuse`, no letter is
taken and its text is the answer; while it holds a file `slow`, the answer to a letter
comes a second late.
"""

import asyncio
import email
import email.policy
import os
import sys

from aiosmtpd.smtp import SMTP

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]


def said_in(name):
    try:
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


class Keeper:
    async def handle_DATA(self, server, session, envelope):
        refusal = said_in("refuse")
        if refusal is not None:
            return refusal
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        print(" ".join(str(message["Subject"]).split()), flush=True)
        if said_in("slow") is not None:
            await asyncio.sleep(1)
        return "250 2.0.0 kept"


async def main():
    keeper = Keeper()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(keeper, hostname="localhost"), "127.0.0.1", PORT)
    print("listening", flush=True)
    await server.serve_forever()


asyncio.run(main())
