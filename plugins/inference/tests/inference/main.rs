//! Contracts of models, from tables of descriptions, sessions and their scheduler on a scripted server.

mod contract;
mod contract_people;
mod scheduler;
mod session;
