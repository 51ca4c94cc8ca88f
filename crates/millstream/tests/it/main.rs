//! The built program, as a user meets it: arguments and files in, text and exit codes out.

mod bad_input;
mod demo;
mod interrupt;
mod kit;
mod mistakes;
mod output;
mod shell;
