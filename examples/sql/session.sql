-- Visits of a user: clicks less than half an hour apart. Clicks carry their own time and may come five minutes late.
CREATE STREAM Clicks (user STRING, page STRING, at LONG)
WITH ("event.time.field" = 'at', "watermark.delay.ms" = 300000);

INSERT INTO Visits
SELECT user, COUNT(*) AS clicks, FIRST(page) AS entry, LAST(page) AS exit, WINDOW_START() AS began
FROM Clicks
WINDOW SESSION(30 min)
GROUP BY user;
