SELECT CAST(c.relname AS VARCHAR), CAST(c.relkind AS VARCHAR), CAST(c.reltuples AS BIGINT)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'shop' AND c.relkind IN ('r', 'v', 'm') AND c.relname !~ '^mv_tbl__'
  AND has_table_privilege(c.oid, 'SELECT')
ORDER BY 1
LIMIT 10000;
