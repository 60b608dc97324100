"""An account at Interactive Brokers, through TWS or IB Gateway: imported only where a connection uses it."""
