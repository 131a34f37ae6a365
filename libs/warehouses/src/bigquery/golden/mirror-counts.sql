SELECT COUNTIF(op = 'insert') AS inserts, COUNTIF(op = 'update') AS updates, COUNTIF(op = 'delete') AS deletes
FROM `my-project-123`.`millrace`.`millrace_run_read_0`
