-- A login that fails and then succeeds from another address within a minute, for each user.
CREATE STREAM Logins (user STRING, address STRING, ok BOOL);

PARTITION WITH (user OF Logins)
BEGIN
  INSERT INTO Suspicious
  SELECT failed.user AS user, failed.address AS first_address, passed.address AS second_address
  FROM PATTERN (EVERY (failed=Logins[NOT ok] -> passed=Logins[ok AND passed.address != failed.address])) WITHIN 1 MINUTE;
END;
