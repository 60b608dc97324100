"""An invented market and an account on it: a whole broker without a broker, everything it says marked as simulated."""
