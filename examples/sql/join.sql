-- Prices of two exchanges that differ by more than half a percent within five seconds.
CREATE STREAM Here (symbol STRING, price DOUBLE);
CREATE STREAM There (symbol STRING, price DOUBLE);

INSERT INTO Spreads
SELECT h.symbol AS symbol, h.price AS here, t.price AS there, ROUND((t.price - h.price) / h.price * 100, 2) AS percent
FROM Here AS h WINDOW TIME(5 sec)
JOIN There AS t WINDOW TIME(5 sec) ON h.symbol = t.symbol
WHERE ABS(t.price - h.price) / h.price > 0.005;
