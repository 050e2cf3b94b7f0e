-- A name as it is compared: capitals without accents, apostrophes or stops, words parted by one space. Letters of any
-- script stay. A placeholder that stands for a name not known is no name.
{% macro standard_surname(name) -%}
    case when not regexp_full_match({{ plain_name(name) }}, {{ placeholder() }}) then {{ plain_name(name) }} end
{%- endmacro %}

{% macro standard_forename(name) -%}
    case
        when not regexp_full_match(
            {{ plain_name(name) }},
            {{ placeholder() }}
            || '|(BABY|INFANT|FETUS|FOETUS)( .*)?|(TWIN|TRIPLET)( (ONE|TWO|THREE|I+|[A-C]))?|MALE|FEMALE|BOY|GIRL|CHILD'
        )
            then {{ plain_name(name) }}
    end
{%- endmacro %}

{% macro placeholder() -%}
    'N ?K|N ?A|N K N|T ?B ?[AC]|X+|Z+|NONE|NULL|TEST|UN(KNOWN|BORN|NAMED)( .*)?|NOT (KNOWN|GIVEN|STATED)|NOT YET .*'
    || '|NO NAME|(FIRST|SUR|FORE|LAST) ?NAME'
{%- endmacro %}

{% macro plain_name(name) -%}
    nullif(
        trim(
            regexp_replace(
                regexp_replace(
                    upper(strip_accents(translate({{ name }}, 'łŁıøØđĐ', 'lLioOdD'))),
                    '[''’‘`´.]', '', 'g'
                ),
                '[^\p{L}]+', ' ', 'g'
            )
        ),
        ''
    )
{%- endmacro %}

-- A date of birth that says something: no day that systems fill in, none to come, none beyond any child's age.
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

-- Surname and forename of a whole name, written "Forename Surname" or "Surname, Forename".
{% macro surname_in(name) -%}
    nullif(
        trim(
            case
                when contains({{ name }}, ',') then split_part({{ name }}, ',', 1)
                when contains(trim({{ name }}), ' ') then regexp_extract(trim({{ name }}), '\S+$')
            end
        ),
        ''
    )
{%- endmacro %}

{% macro forename_in(name) -%}
    nullif(
        trim(
            case
                when contains({{ name }}, ',') then substr({{ name }}, strpos({{ name }}, ',') + 1)
                else regexp_replace(trim({{ name }}), '\s+\S+$', '')
            end
        ),
        ''
    )
{%- endmacro %}

-- Whether two persons with one number and birth date may be one child: of twins the forename must agree.
{% macro is_not_the_twin(one, other) -%}
    (
        not ({{ one }}.has_twin or {{ other }}.has_twin)
        or {{ one }}.surname != {{ other }}.surname
        or coalesce({{ one }}.forename = {{ other }}.forename, true)
    )
{%- endmacro %}

-- An NHS number whose check digit holds (modulo 11): one that fails is a slip and no other child's number.
{% macro is_valid_nhs_number(nhs_number) -%}
    case
        when regexp_full_match({{ nhs_number }}, '[0-9]{10}')
            then
                (
                    11 - list_sum(
                        list_transform(
                            range(1, 10), lambda place: substr({{ nhs_number }}, place, 1)::integer * (11 - place)
                        )
                    ) % 11
                ) % 11 = right({{ nhs_number }}, 1)::integer
    end
{%- endmacro %}

-- From this match weight on a steward is asked; the line from which pairs are linked stands in linkage/policy.py.
{% macro ask_weight() -%} 0.0 {%- endmacro %}
