-- Trades above 100,000 in value.
CREATE STREAM Trades (symbol STRING, price DOUBLE, quantity DOUBLE);
CREATE STREAM Large (symbol STRING, price DOUBLE, quantity DOUBLE, value DOUBLE);

INSERT INTO Large
SELECT symbol, price, quantity, price * quantity AS value
FROM Trades
WHERE price * quantity > 100000;
