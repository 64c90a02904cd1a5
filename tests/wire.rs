//! The way between an Icinga and Watchbell, with its faults: real programs and a proxy between.

mod lines;
mod proxy;
