SHOW SCHEMAS IN `main`;
DESCRIBE TABLE EXTENDED `main`.`shop's`.`or``ders`;
SELECT k.column_name AS name
FROM `main`.information_schema.table_constraints AS c
JOIN `main`.information_schema.key_column_usage AS k
  ON k.constraint_schema = c.constraint_schema AND k.constraint_name = c.constraint_name
  AND k.table_schema = c.table_schema AND k.table_name = c.table_name
WHERE c.constraint_type = 'PRIMARY KEY'
  AND c.table_schema = LOWER('shop\'s') AND c.table_name = LOWER('or`ders')
ORDER BY k.ordinal_position
