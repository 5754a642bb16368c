//! medbay.
