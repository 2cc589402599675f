-- Volume-weighted average price for each symbol and minute.
CREATE STREAM Trades (symbol STRING, price DOUBLE, quantity DOUBLE);

INSERT INTO Vwap
SELECT symbol,
       SUM(price * quantity) / SUM(quantity) AS vwap,
       SUM(quantity) AS volume,
       COUNT(*) AS trades,
       WINDOW_START() AS minute
FROM Trades
WINDOW TUMBLING(1 min)
GROUP BY symbol;
