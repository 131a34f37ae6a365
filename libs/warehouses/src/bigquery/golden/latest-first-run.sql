SELECT UNIX_MICROS(MAX(`inserted at`)) AS hi, COUNTIF(`inserted at` IS NULL) AS left_out
FROM `my-project-123`.`shop`.`visits` FOR SYSTEM_TIME AS OF TIMESTAMP '2026-11-24 23:00:00.123456+00'
WHERE `inserted at` >= TIMESTAMP '0001-01-01 00:00:00.000000+00' OR `inserted at` IS NULL
