-- The audit's chain, checkpoints and exports.
SELECT;
