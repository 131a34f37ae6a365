CREATE TABLE `my-project-123`.`millrace`.`millrace_run_read_0`
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 72 HOUR))
AS SELECT
  `id` AS c0,
  UNIX_MICROS(`inserted at`) AS c1
FROM `my-project-123`.`shop`.`visits` FOR SYSTEM_TIME AS OF TIMESTAMP '2026-11-24 23:00:00.123456+00'
WHERE `a_date` > DATE '2026-11-23' AND `a_date` <= DATE '2026-11-24'
