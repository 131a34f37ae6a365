SELECT a.attnum, CAST(a.attname AS VARCHAR), format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = 100123 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;
