"""What everything is called and looks like: plain frozen values that every room shares, without I/O."""
