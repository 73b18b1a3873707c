"""The roof: settings, the house built floor by floor, its processes and its command line."""
