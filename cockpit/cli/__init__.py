"""The command line: process commands start a cockpit, all others are made from the acts and talk to a running one."""
