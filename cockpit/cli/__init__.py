"""The command line: made from the operator's acts, talking to the running cockpit over its control socket."""
