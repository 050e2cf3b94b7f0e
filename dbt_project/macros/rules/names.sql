-- A name as it is compared: capitals without accents, apostrophes or stops, words parted by one space. Letters of any
-- script stay. A placeholder that stands for a name not known is no name.
{% macro standard_name(name) -%}
    case
        when not regexp_full_match(
            {{ plain_name(name) }},
            'N ?K|N ?A|N K N|T ?B ?[AC]|X+|Z+|NONE|NULL|TEST|UN(KNOWN|BORN|NAMED|KNOWN .*|BORN .*)|NOT (KNOWN|GIVEN|STATED|YET NAMED)'
            || '|NO NAME|(BABY|INFANT|TWIN|TRIPLET|FETUS|FOETUS)( .*)?|(MALE|FEMALE|BOY|GIRL|CHILD)|(FIRST|SUR|FORE|LAST) ?NAME'
        )
            then {{ plain_name(name) }}
    end
{%- endmacro %}

{% macro plain_name(name) -%}
    nullif(
        trim(
            regexp_replace(
                regexp_replace(
                    upper(strip_accents(translate({{ name }}, 'łŁıøØđĐ', 'lLioOdD'))), '[''’‘`´.]', '', 'g'
                ),
                '[^\p{L}]+', ' ', 'g'
            )
        ),
        ''
    )
{%- endmacro %}

-- A date of birth that says something: none of the days that systems fill in, none to come, none beyond any child's age.
{% macro known_birth_date(birth_date, as_at) -%}
    case
        when
            {{ birth_date }} between {{ as_at }} - interval 30 years and {{ as_at }}
            then {{ birth_date }}
    end
{%- endmacro %}

-- Temporary UPNs end in a letter; a pupil has one until the permanent one is known (DfE's UPN guide).
{% macro is_permanent_upn(upn) -%}
    regexp_full_match({{ upn }}, '.*[0-9]')
{%- endmacro %}
