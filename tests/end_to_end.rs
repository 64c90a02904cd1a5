//! The whole program against real programs: Icinga 2, IRC servers, a mail server.

mod commands;
mod crash;
mod doubt;
mod drill;
mod evening;
mod flood;
mod lifecycle;
mod mail;
mod page;
mod people;
mod running;
mod trouble;
