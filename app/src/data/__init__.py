"""Services speak to the outside and keep nothing; repositories keep the state and are the only ones to write it."""
