// A script of streaming SQL inside a program: rows are published by the program, and its windows' rows come back to it.
import { createApplication } from '@tributary/tributary';

const sql = `
CREATE STREAM Trades (symbol STRING, price DOUBLE, size DOUBLE, time LONG) WITH (event.time.field = 'time');

INSERT INTO Vwap
SELECT symbol, SUM(price * size) / SUM(size) AS vwap, COUNT(*) AS trades, WINDOW_END() AS ends
FROM Trades WINDOW TUMBLING(1 sec)
GROUP BY symbol;`;

await using application = createApplication(sql);
application.subscribe('Vwap', (row) => console.log(JSON.stringify(row)));
await application.start();

await application.publish('Trades', { symbol: 'BTC', price: 100, size: 1, time: 100 });
await application.publish('Trades', { symbol: 'BTC', price: 104, size: 3, time: 900 });
await application.publish('Trades', { symbol: 'ETH', price: 7, size: 2, time: 950 });
// The window of the first second closes by a row behind its end.
await application.publish('Trades', { symbol: 'BTC', price: 99, size: 1, time: 1000 });
