//! Contracts of models, from tables of descriptions.

mod contract;
mod contract_people;
