SELECT CAST(c.relname AS VARCHAR)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'millrace' AND c.relkind = 'r' AND c.relname ~ '^run_01900000000070008000000000000001_'
ORDER BY 1;
