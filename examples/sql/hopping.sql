-- Highest and lowest price of the last ten seconds, every second.
CREATE STREAM Trades (symbol STRING, price DOUBLE);

INSERT INTO Ranges
SELECT symbol, MIN(price) AS low, MAX(price) AS high, WINDOW_END() AS at
FROM Trades
WINDOW HOP(10 sec, 1 sec)
GROUP BY symbol;
