//! Contracts of models, from tables of descriptions, and sessions on a scripted server.

mod contract;
mod contract_people;
mod session;
