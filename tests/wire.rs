//! The way between an Icinga and Watchbell, with its faults: real programs and a proxy between.

mod lines;
mod network;
mod proxy;
mod refusals;
mod restarts;
