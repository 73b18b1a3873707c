"""The own book of one pair: matching as a pure, deterministic machine. Commands in, events out, a file a part."""
