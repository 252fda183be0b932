/**
 * Built-in functions that neither write, lock, read tables or files, reach the network, nor change the connection. Any
 * other function adds the verb `Call`: a SELECT may hide a write behind a name. By chapters of the documentation of
 * PostgreSQL 18; what parses as its own syntax (COALESCE, EXTRACT's keyword form, …) is listed under the name it becomes.
 * Left out on purpose: functions that run a query given as text (`query_to_xml`, `ts_stat`, `ts_rewrite`), that read a table
 * given by name (`table_to_xml`), sequences that advance, advisory locks, statistics of other connections, large objects.
 */
const byChapter = {
  mathematical: `abs cbrt ceil ceiling degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale
    mod pi power pow radians round scale sign sqrt trim_scale trunc width_bucket random random_normal acos acosd asin asind
    atan atand atan2 atan2d cos cosd cot cotd sin sind tan tand sinh cosh tanh asinh acosh atanh`,
  strings: `ascii btrim casefold char_length character_length chr concat concat_ws format initcap left length like like_escape
    lower lpad ltrim md5 normalize is_normalized notlike octet_length bit_length overlay parse_ident position quote_ident
    quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
    regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim similar_escape
    similar_to_escape split_part starts_with string_to_array string_to_table strpos substr substring to_ascii to_bin to_hex
    to_oct translate unicode_assigned unistr upper`,
  binary: `bit_count convert convert_from convert_to crc32 crc32c decode encode get_bit get_byte set_bit set_byte sha224
    sha256 sha384 sha512`,
  formatting: 'to_char to_date to_number to_timestamp',
  datesAndTimes: `age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days
    justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps
    statement_timestamp timeofday timezone transaction_timestamp`,
  enums: 'enum_first enum_last enum_range',
  geometry: `area center diagonal diameter height isclosed ishorizontal isopen isparallel isperp isvertical npoints pclose
    popen radius slope width box circle line lseg path point polygon bound_box`,
  networkAddresses: `abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen
    text macaddr8_set7bit`,
  textSearch: `array_to_tsvector get_current_ts_config json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery
    plainto_tsquery querytree setweight strip to_tsquery to_tsvector ts_debug ts_delete ts_filter ts_headline ts_lexize ts_rank
    ts_rank_cd tsquery_phrase tsvector_to_array websearch_to_tsquery`,
  uuid: 'gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version',
  xml: 'xmlcomment xmlexists xmltext xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document xpath xpath_exists',
  json: `array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
    json_each json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_populate_record
    json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
    jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists
    jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array
    jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record
    jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset
    jsonb_typeof row_to_json to_json to_jsonb`,
  arrays: `array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_string array_upper
    cardinality trim_array unnest`,
  ranges: `daterange datemultirange int4multirange int4range int8multirange int8range isempty lower_inc lower_inf multirange
    nummultirange numrange range_merge tsmultirange tsrange tstzmultirange tstzrange upper_inc upper_inf`,
  aggregates: `any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every
    json_agg json_agg_strict json_object_agg jsonb_agg jsonb_agg_strict jsonb_object_agg max min mode percentile_cont
    percentile_disc range_agg range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
    regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance xmlagg`,
  windows: 'cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number',
  sets: 'generate_series generate_subscripts',
  comparisons: 'num_nonnulls num_nulls',
  sequencesThatStay: 'currval lastval',
  connection: `current_database current_query current_schema current_schemas current_setting inet_client_addr
    inet_client_port inet_server_addr inet_server_port pg_backend_pid pg_client_encoding pg_conf_load_time
    pg_is_in_recovery pg_is_other_temp_schema pg_my_temp_schema pg_postmaster_start_time pg_trigger_depth
    row_security_active version getdatabaseencoding`,
  privileges: `has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege
    has_function_privilege has_language_privilege has_parameter_privilege has_schema_privilege has_sequence_privilege
    has_server_privilege has_table_privilege has_tablespace_privilege has_type_privilege pg_has_role`,
  catalogue: `col_description format_type obj_description pg_basetype pg_char_to_encoding pg_collation_for
    pg_collation_is_visible pg_column_is_updatable pg_conversion_is_visible pg_describe_object pg_encoding_max_length
    pg_encoding_to_char pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_function_arg_default
    pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_functiondef pg_get_indexdef
    pg_get_keywords pg_get_partition_constraintdef pg_get_partkeydef pg_get_ruledef pg_get_serial_sequence
    pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_triggerdef pg_get_userbyid pg_get_viewdef
    pg_identify_object pg_input_error_info pg_input_is_valid pg_opclass_is_visible pg_operator_is_visible
    pg_opfamily_is_visible pg_options_to_table pg_partition_ancestors pg_partition_root pg_partition_tree
    pg_relation_is_updatable pg_sequence_parameters pg_statistics_obj_is_visible pg_table_is_visible
    pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible
    pg_typeof shobj_description to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc
    to_regprocedure to_regrole to_regtype`,
  sizes: `pg_column_compression pg_column_size pg_database_size pg_indexes_size pg_relation_size pg_size_bytes pg_size_pretty
    pg_table_size pg_tablespace_size pg_total_relation_size`,
  casts:
    'bool bpchar char cidr float4 float8 int2 int4 int8 interval money name numeric oid time timestamp timestamptz timetz varchar',
}

export const pureFunctions: ReadonlySet<string> = new Set(
  Object.values(byChapter).flatMap((names) => names.split(/\s+/)),
)

/** Methods of TABLESAMPLE that are built in. */
export const pureSamplingMethods: ReadonlySet<string> = new Set(['bernoulli', 'system'])
