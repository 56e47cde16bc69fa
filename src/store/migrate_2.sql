-- From schema version 2, the last one before 3, to 3: what schema.sql has and such a database has not. Runs inside one transaction; views
-- are made anew after it (views_renew).

-- Checkpoints are named by bare names; their folder is that of the database that is opened.
UPDATE checkpoint SET path = replace(path, rtrim(path, replace(path, '/', '')), '');
UPDATE _doc SET text = 'name of the file in the folder PATH.checkpoints beside the database' WHERE "table" = 'checkpoint' AND "column" = 'path';
