SELECT STRING_AGG(CONCAT(partition_id, ':', CAST(total_rows AS STRING), ':', CAST(UNIX_MICROS(last_modified_time) AS STRING)), ',') AS partitions
FROM `my-project-123`.`shop`.INFORMATION_SCHEMA.PARTITIONS
WHERE table_name = 'visits' AND partition_id IS NOT NULL
