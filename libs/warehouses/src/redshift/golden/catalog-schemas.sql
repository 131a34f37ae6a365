SELECT CAST(n.nspname AS VARCHAR)
FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'catalog_history')
  AND has_schema_privilege(n.nspname, 'USAGE')
ORDER BY 1;
