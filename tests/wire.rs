//! The way between an Icinga and Watchbell, with its faults: real programs and a proxy between.

mod hostile;
mod lines;
mod network;
mod protect;
mod proxy;
mod refusals;
mod restarts;
