-- One stream into several: buys, sells, and everything that says neither.
CREATE STREAM Trades (symbol STRING, side STRING, quantity DOUBLE);

INSERT INTO Buys SELECT symbol, quantity FROM Trades WHERE LOWER(side) = 'buy';
INSERT INTO Sells SELECT symbol, quantity FROM Trades WHERE LOWER(side) = 'sell';
INSERT INTO Unknown SELECT * FROM Trades WHERE side IS NULL OR LOWER(side) NOT IN ('buy', 'sell');
