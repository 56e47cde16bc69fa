-- From schema version 2, the last one before 3, to 3. Runs inside the transaction of migrate.c, which has made every table and index of
-- schema.sql: one whose definition changed is empty here, and its rows stand in old_<name>. Views, _doc and version are not cared for here.

-- Checkpoints are named by bare names; their folder is that of the database that is opened.
UPDATE checkpoint SET path = replace(path, rtrim(path, replace(path, '/', '')), '');
