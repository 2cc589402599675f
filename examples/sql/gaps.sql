-- Numbers that are missing from a feed whose messages are numbered, for each channel.
CREATE STREAM Feed (channel STRING, seq LONG);

PARTITION WITH (channel OF Feed)
BEGIN
  INSERT INTO Gaps
  SELECT b.channel AS channel, a.seq + 1 AS first_missing, b.seq - 1 AS last_missing
  FROM PATTERN (EVERY (a=Feed -> b=Feed))
  WHERE b.seq > a.seq + 1;
END;
