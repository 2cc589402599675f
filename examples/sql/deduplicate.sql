-- A feed that repeats itself: the first message of each id passes.
CREATE STREAM Messages (id LONG, text STRING);

INSERT INTO Once SELECT id, text FROM Messages WINDOW FIRSTUNIQUE(id);
