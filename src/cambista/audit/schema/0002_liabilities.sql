-- Certificates of solvency and the trees behind them.
SELECT;
