-- One row per figure that DfE publishes of a local authority's SEN2 return.
select
    la_code,
    return_year,
    indicator,
    age,
    value,
    mark,
    time_period,
    record_id,
    source_file,
    source_row
from {{ ref('stg_dfe_ehc_plans__figure') }}
where return_year is not null
