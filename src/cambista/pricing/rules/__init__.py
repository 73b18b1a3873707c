"""What pricing decides, in pure functions: state, time and prices come as arguments."""
