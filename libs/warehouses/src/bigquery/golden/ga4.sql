(SELECT
  SAFE.PARSE_DATE('%Y%m%d', CONCAT('20', _TABLE_SUFFIX)) AS `event_date`,
  TIMESTAMP_MICROS(`event_timestamp`) AS `event_timestamp`,
  `event_name` AS `event_name`,
  JSON_OBJECT(
    ARRAY_CONCAT(
    ARRAY(SELECT p.key FROM UNNEST(`event_params`) AS p WITH OFFSET AS o ORDER BY p.key, o),
    ARRAY(SELECT CONCAT('user_property_', p.key) FROM UNNEST(`user_properties`) AS p WITH OFFSET AS o ORDER BY p.key, o)),
    ARRAY_CONCAT(
    ARRAY(SELECT CASE WHEN p.value.string_value IS NOT NULL THEN TO_JSON(p.value.string_value) WHEN p.value.int_value IS NOT NULL THEN TO_JSON(p.value.int_value) WHEN p.value.float_value IS NOT NULL THEN TO_JSON(p.value.float_value) ELSE TO_JSON(p.value.double_value) END FROM UNNEST(`event_params`) AS p WITH OFFSET AS o ORDER BY p.key, o),
    ARRAY(SELECT CASE WHEN p.value.string_value IS NOT NULL THEN TO_JSON(p.value.string_value) WHEN p.value.int_value IS NOT NULL THEN TO_JSON(p.value.int_value) WHEN p.value.float_value IS NOT NULL THEN TO_JSON(p.value.float_value) ELSE TO_JSON(p.value.double_value) END FROM UNNEST(`user_properties`) AS p WITH OFFSET AS o ORDER BY p.key, o))) AS `properties`,
  `event_previous_timestamp` AS `event_previous_timestamp`,
  `event_value_in_usd` AS `event_value_in_usd`,
  `user_id` AS `user_id`,
  `user_pseudo_id` AS `user_pseudo_id`,
  `privacy_info`.`ads_storage` AS `privacy_info_ads_storage`,
  `device`.`category` AS `device_category`,
  `device`.`web_info`.`browser` AS `device_web_info_browser`,
  `geo`.`country` AS `geo_country`,
  `items` AS `items`,
  `is_active_user` AS `is_active_user`
FROM `my-project-123`.`analytics_123456`.`events_20*`
WHERE REGEXP_CONTAINS(_TABLE_SUFFIX, '^[0-9]{6}$'))
