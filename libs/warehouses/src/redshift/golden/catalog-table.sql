SELECT CAST(c.oid AS BIGINT), CAST(c.relkind AS VARCHAR),
  has_schema_privilege(n.nspname, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), array_to_string(k.conkey, ',')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE n.nspname = 'shop' AND c.relname = 'visits "v"' AND c.relkind IN ('r', 'v', 'm');
