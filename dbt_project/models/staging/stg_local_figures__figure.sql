-- One row per figure and day it is of.
select
    figure,
    date as figure_date,
    value,
    origin,
    {{ lineage(['figure', 'date']) }}
from {{ source('landing', 'local_figures__figure') }}
qualify {{ is_latest_record(['figure', 'date']) }}
