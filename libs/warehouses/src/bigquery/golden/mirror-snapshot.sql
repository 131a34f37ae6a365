CREATE SNAPSHOT TABLE `my-project-123`.`millrace`.`millrace_run_snapshot_0`
CLONE `my-project-123`.`shop`.`visits` FOR SYSTEM_TIME AS OF TIMESTAMP '2026-11-24 23:00:00.123456+00'
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 21 DAY))
