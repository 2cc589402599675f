-- Trades with the name of their instrument, from a table that follows a stream of changes.
CREATE STREAM Instruments (symbol STRING, name STRING);
CREATE TABLE Known (symbol STRING PRIMARY KEY, name STRING);
CREATE STREAM Trades (symbol STRING, price DOUBLE);

INSERT INTO Known SELECT symbol, name FROM Instruments;

INSERT INTO Named
SELECT Trades.symbol AS symbol, COALESCE(Known.name, 'unknown') AS name, price
FROM Trades LEFT JOIN Known ON Trades.symbol = Known.symbol;
