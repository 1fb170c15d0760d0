"""Sea routes, offline: ports, the network of lanes, and closures of canals and straits."""
