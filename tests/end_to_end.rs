//! The whole program against real programs: Icinga 2, IRC servers, a mail server.

mod commands;
mod crash;
mod drill;
mod lifecycle;
mod mail;
mod people;
mod running;
mod trouble;
