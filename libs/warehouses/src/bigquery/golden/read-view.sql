CREATE TABLE `my-project-123`.`millrace`.`millrace_run_read_0`
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 72 HOUR))
AS SELECT
  `id` AS c0,
  UNIX_MICROS(`inserted at`) AS c1
FROM `my-project-123`.`shop`.`visits`
WHERE `inserted at` >= TIMESTAMP '0001-01-01 00:00:00.000000+00' AND `inserted at` <= TIMESTAMP '2026-11-24 22:59:59.999999+00'
