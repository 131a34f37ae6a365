SELECT
  `id` AS c0,
  UNIX_MICROS(`inserted at`) AS c1
FROM `my-project-123`.`shop`.`visits`
TABLESAMPLE SYSTEM (3 PERCENT)
LIMIT 20
